package cli

import (
	"github.com/spf13/cobra"

	"nat/internal/dataset"
)

func (p *program) downloadCommand() *cobra.Command {
	var o dataset.DownloadOptions
	c := &cobra.Command{
		Use:   "download",
		Short: "Fetch CIFAR-10, 170 MB, for search",
		Long: `Fetch CIFAR-10 in its binary layout (170 MB), check its size and SHA-256, unpack it, and print the folder. A download
that was interrupted goes on where it stopped; what is already there and whole is not fetched again.`,
		Example: "  nat download\n  nat download --data data --url https://mirror.example/cifar-10-binary.tar.gz",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			bar := p.newProgress("downloading CIFAR-10", true)
			o.Progress = bar.report
			folder, err := dataset.Download(c.Context(), o)
			bar.close()
			if err != nil {
				return err
			}
			p.print("%s\n", folder)
			return nil
		},
	}
	c.Flags().StringVar(&o.Folder, "data", "", "`folder` to keep it in, instead of nat's folder in the user's cache")
	c.Flags().StringVar(&o.URL, "url", "", "`address` of the archive, instead of its home; so does "+dataset.URLVariable)
	return c
}
