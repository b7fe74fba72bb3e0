/**
 * `tako completion bash|zsh|fish`: a script made from the command tree. Words and options are in
 * the script: a completion that starts a process for each key would be felt.
 */
import type { Command } from "commander";
import { emit, merged_options } from "../cli_context.ts";
import { path_of } from "../errors.ts";

export interface Node {
  /** `tako osd pool` */
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly about: string }[];
  readonly options: readonly string[];
}

const SHELLS = { bash: bash_script, zsh: zsh_script, fish: fish_script } as const;
const HOW = `
Examples:
  source <(tako completion bash)                                   this shell
  tako completion bash > ~/.local/share/bash-completion/completions/tako
  tako completion zsh > "\${fpath[1]}/_tako"
  tako completion fish > ~/.config/fish/completions/tako.fish
`;

export function add_completion(program: Command): void {
  const group = program
    .command("completion")
    .description("print a completion script for your shell")
    .addHelpText("after", HOW);
  for (const [shell, script] of Object.entries(SHELLS)) {
    group
      .command(shell)
      .description(`completion for ${shell}`)
      .action((_o, cmd: Command) => emit(merged_options(cmd), script(nodes_of(program))));
  }
}

/** Each command with what may follow it: subcommands, or the values of its arguments. */
export function nodes_of(cmd: Command): Node[] {
  const options = cmd.options.flatMap((o) => (o.long ? [o.long] : []));
  const subcommands = cmd.commands.map((c) => ({ word: c.name(), about: c.description() }));
  const values = cmd.registeredArguments
    .flatMap((a) => a.argChoices ?? [])
    .map((word) => ({ word, about: "" }));
  const here = {
    path: path_of(cmd),
    words: subcommands.length > 0 ? subcommands : values,
    options: [...new Set([...options, "--help"])],
  };
  return [here, ...cmd.commands.flatMap(nodes_of)];
}

function cases(nodes: readonly Node[], text: (n: Node) => string): string {
  return nodes.map((n) => `    "${n.path}") ${text(n)} ;;`).join("\n");
}
const names = (n: Node) => n.words.map((w) => w.word.replaceAll("*", "")).join(" ");

export function bash_script(nodes: readonly Node[]): string {
  const known = nodes.map((n) => `"${n.path}"`).join("|");
  return `# bash completion for tako: source it, or put it into your completions directory.
_tako_words() {
  case "$1" in
${cases(nodes, (n) => `echo "${names(n)}"`)}
  esac
}
_tako_options() {
  case "$1" in
${cases(nodes, (n) => `echo "${n.options.join(" ")}"`)}
  esac
}
_tako() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path="tako" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
      ${known}) path="$path \${COMP_WORDS[i]}" ;;
    esac
  done
  if [[ "$cur" == -* ]]; then
    COMPREPLY=($(compgen -W "$(_tako_options "$path")" -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$(_tako_words "$path")" -- "$cur"))
  fi
}
complete -o default -F _tako tako
`;
}

export function zsh_script(nodes: readonly Node[]): string {
  const quote = (s: string) => s.replaceAll("'", "'\\''");
  const entry = (w: Node["words"][number]) =>
    `'${quote(w.word.replaceAll(":", "\\:"))}:${quote(w.about)}'`;
  const options_of = (n: Node) => `options_=(${n.options.join(" ")})`;
  const known = nodes.map((n) => `"${n.path}"`).join("|");
  return `#compdef tako
# zsh completion for tako: put it as _tako into a directory of your $fpath.
_tako() {
  local path_="tako" i
  local -a words_ options_
  for ((i = 2; i < CURRENT; i++)); do
    case "$path_ \${words[i]}" in
      ${known}) path_="$path_ \${words[i]}" ;;
    esac
  done
  case "$path_" in
${cases(nodes, (n) => `words_=(${n.words.map(entry).join(" ")}); ${options_of(n)}`)}
  esac
  if [[ "$PREFIX" == -* ]]; then
    compadd -- $options_
  elif (( \${#words_} )); then
    _describe 'command' words_
  else
    _files
  fi
}
if [ "$funcstack[1]" = "_tako" ]; then _tako "$@"; else compdef _tako tako; fi
`;
}

export function fish_script(nodes: readonly Node[]): string {
  const quote = (s: string) => `'${s.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const known = nodes.map((n) => quote(n.path)).join(" ");
  const lines = nodes.flatMap((n) => {
    const at = `complete -c tako -n ${quote(`__tako_at ${quote(n.path)}`)}`;
    const words = n.words.map((w) => {
      const about = w.about === "" ? "" : ` -d ${quote(w.about)}`;
      return `${at} -f -a ${quote(w.word)}${about}`;
    });
    const options = n.options.map((o) => `${at} -l ${o.replace(/^--/, "")}`);
    return [...words, ...options];
  });
  return `# fish completion for tako: put it as tako.fish into ~/.config/fish/completions.
set -g __tako_paths ${known}
function __tako_at
  set -l path tako
  for word in (commandline -opc)[2..-1]
    if contains -- "$path $word" $__tako_paths
      set path "$path $word"
    end
  end
  test "$path" = "$argv[1]"
end
${lines.join("\n")}
`;
}
