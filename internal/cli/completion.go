package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

func (p *program) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes commands, flags and names in a shell",
		Long: `Print a script that makes a shell (bash, zsh, fish, powershell) complete nat's commands, flags, architectures and
operations when Tab is pressed. For this session only: source <(nat completion bash). For good, write it where the shell
looks for such scripts:

  bash        ~/.local/share/bash-completion/completions/nat
  zsh         a folder of $fpath, as _nat
  fish        ~/.config/fish/completions/nat.fish
  powershell  a file that $PROFILE runs`,
		Example:   "  nat completion bash > ~/.local/share/bash-completion/completions/nat",
		ValidArgs: shells,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef(c, "name one shell: %s", strings.Join(shells, ", "))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return c.Root().GenBashCompletionV2(p.stdout, true)
			case "zsh":
				return c.Root().GenZshCompletion(p.stdout)
			case "fish":
				return c.Root().GenFishCompletion(p.stdout, true)
			case "powershell":
				return c.Root().GenPowerShellCompletionWithDesc(p.stdout)
			}
			return usagef(c, "no completion for the shell %q: %s", args[0], choices(args[0], shells))
		},
	}
}
