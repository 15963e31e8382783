package cli

import (
	"github.com/spf13/cobra"

	"nat/internal/dataset"
)

func (p *program) downloadCommand() *cobra.Command {
	var o dataset.DownloadOptions
	c := &cobra.Command{
		Use:   "download",
		Short: "Fetch CIFAR-10 or CIFAR-100, 170 MB, for search",
		Long: `Fetch CIFAR-10 or CIFAR-100 in its binary layout (170 MB), check its size and SHA-256, unpack it, and print the folder.
A download that was interrupted goes on where it stopped; what is already there and whole is not fetched again.`,
		Example: "  nat download\n  nat download --dataset cifar100\n  nat download --data data --url https://mirror.example/cifar-10-binary.tar.gz",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			bar := p.newProgress("downloading "+o.Set, true)
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
	choice(c.Flags(), &o.Set, "dataset", dataset.CIFAR10, "which to fetch", dataset.CIFAR10, dataset.CIFAR100)
	c.Flags().StringVar(&o.Folder, "data", "", "`folder` to keep it in, instead of nat's folder in the user's cache")
	c.Flags().StringVar(&o.URL, "url", "", "`address` of the archive, instead of its home; so does "+dataset.URLVariable+", for CIFAR-100 NAT_CIFAR100_URL")
	return c
}
