import type { Command } from "commander";
import { EXIT, UsageError } from "./exit.ts";
import { commandsOf } from "./help.ts";
import { say } from "./language.ts";

/** What can follow the words of a command. */
export interface Place {
  /** `runs list`; empty for the command itself. */
  readonly path: string;
  readonly commands: readonly string[];
  readonly options: readonly string[];
  /** What an option's value is, by its names; options that take none are absent. */
  readonly values: Readonly<Record<string, Kind>>;
  /** What each argument is; the last one stands for those that follow. */
  readonly arguments: readonly Kind[];
}

/** What a word is: asked of `weft __complete`, a file, or free text. */
export type Kind = "runs" | "workflows" | "models" | "file" | "text";

const SCRIPTS: Readonly<Record<string, (places: readonly Place[]) => string>> = { bash, zsh, fish };

/** `weft completion SHELL`: commands and options stand in the script; names are asked for when they are needed. */
export async function completionCommand(program: Command, shell: string): Promise<number> {
  const write = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (write === undefined) throw new UsageError(say("completion.shell", { shell }));
  process.stdout.write(write(placesOf(program)));
  return EXIT.OK;
}

export function placesOf(program: Command): readonly Place[] {
  return commandsOf(program).map(({ command, path }) => {
    const values: Record<string, Kind> = {};
    const options = ["--help"];
    for (const { long, short, required, optional } of command.options) {
      for (const name of [short, long]) {
        if (!name) continue;
        options.push(name);
        if (required || optional) values[name] = OPTION_KINDS[name] ?? "text";
      }
    }
    return {
      path,
      commands: command.commands.map((one) => one.name()).filter((name) => !name.startsWith("__")),
      options,
      values,
      arguments: command.registeredArguments.map((one) => argumentKind(path, one.name())),
    };
  });
}

const OPTION_KINDS: Readonly<Record<string, Kind>> = {
  "--workflow": "workflows",
  "--data": "file",
  "--record": "file",
  "--junit": "file",
  "--output": "file",
  "-o": "file",
};

function argumentKind(path: string, name: string): Kind {
  if (name === "run") return "runs";
  if (name === "workflow") return "workflows";
  if (name === "name" && path.startsWith("workflows ")) return "workflows";
  if (name === "name" && path.startsWith("models ")) return "models";
  return /^(files?|paths?|a|b|folder)$/.test(name) ? "file" : "text";
}

/** `__weft_place` sets what can stand at the cursor, in words that bash and zsh read alike. */
function bash(places: readonly Place[]): string {
  return `# Completion of weft for bash. Load it with: source <(weft completion bash)
${placeFunction(places)}
__weft_complete() {
  local cur="\${COMP_WORDS[COMP_CWORD]}"
  __weft_place "\${COMP_WORDS[@]:1:COMP_CWORD-1}"
  COMPREPLY=()
  case "$__weft_kind" in
    file) compopt -o default 2>/dev/null; return ;;
    runs|workflows|models) __weft_words="$__weft_words $(weft __complete "$__weft_kind" 2>/dev/null)" ;;
  esac
  COMPREPLY=($(compgen -W "$__weft_words" -- "$cur"))
}
complete -F __weft_complete weft
`;
}

function zsh(places: readonly Place[]): string {
  return `#compdef weft
# Completion of weft for zsh. Load it with: source <(weft completion zsh)
${placeFunction(places)}
__weft_zsh() {
  __weft_place "\${(@)words[2,CURRENT-1]}"
  case "$__weft_kind" in
    file) _files; return ;;
    runs|workflows|models) __weft_words="$__weft_words $(weft __complete "$__weft_kind" 2>/dev/null)" ;;
  esac
  compadd -- \${=__weft_words}
}
compdef __weft_zsh weft
`;
}

/** Walks the words before the cursor: which command they call, how many arguments are given, what comes next. */
function placeFunction(places: readonly Place[]): string {
  const cases = (of: (place: Place) => string): string =>
    places.flatMap((place) => (of(place) === "" ? [] : [`    "${place.path}") ${of(place)} ;;`])).join("\n");
  const valued = (place: Place): string =>
    Object.entries(place.values)
      .map(([name, kind]) => `${name}) __weft_kind=${kind} ;;`)
      .join(" ");
  return `__weft_place() {
  local called="" given=0 word
  __weft_kind="" __weft_words=""
  for word in "$@"; do
    if [ -n "$__weft_kind" ]; then __weft_kind=""; continue; fi
    case "$word" in
      --lang) __weft_kind=lang; continue ;;
      -*) __weft_value "$called" "$word"; continue ;;
    esac
    __weft_commands "$called"
    case " $__weft_words " in
      *" $word "*) called="\${called:+$called }$word" ;;
      *) given=$((given + 1)) ;;
    esac
  done
  if [ "$__weft_kind" = lang ]; then __weft_words="en zh"; return; fi
  if [ -n "$__weft_kind" ]; then __weft_words=""; return; fi
  __weft_commands "$called"
  if [ -z "$__weft_words" ]; then __weft_argument "$called" "$given"; fi
  __weft_options "$called"
}
__weft_commands() {
  __weft_words=""
  case "$1" in
${cases(({ commands }) => (commands.length === 0 ? "" : `__weft_words="${commands.join(" ")}"`))}
  esac
}
__weft_options() {
  case "$1" in
${cases(({ options }) => `__weft_words="$__weft_words ${options.join(" ")}"`)}
  esac
}
__weft_value() {
  case "$1" in
${cases((place) => (valued(place) === "" ? "" : `case "$2" in ${valued(place)} esac`))}
  esac
}
__weft_argument() {
  case "$1" in
${cases(({ arguments: kinds }) =>
  kinds.length === 0
    ? ""
    : `case "$2" in ${kinds.map((kind, at) => `${at === kinds.length - 1 ? "*" : at}) __weft_kind=${kind} ;;`).join(" ")} esac`,
)}
  esac
}`;
}

function fish(places: readonly Place[]): string {
  const lines = ["# Completion of weft for fish. Load it with: weft completion fish | source", "complete -c weft -f"];
  for (const { path, commands, options, values, arguments: kinds } of places) {
    const words = path === "" ? [] : path.split(" ");
    const here = [
      ...words.map((word) => `__fish_seen_subcommand_from ${word}`),
      ...(commands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${commands.join(" ")}`]),
    ].join("; and ");
    const when = here === "" ? "" : ` -n '${here}'`;
    if (commands.length > 0) lines.push(`complete -c weft${when} -a '${commands.join(" ")}'`);
    for (const name of options) {
      const flag = name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`;
      const kind = values[name];
      const value = kind === undefined ? "" : kind === "file" ? " -r -F" : ` -x${asked(kind)}`;
      lines.push(`complete -c weft${when} ${flag}${value}`);
    }
    for (const kind of new Set(kinds)) {
      if (kind === "file") lines.push(`complete -c weft${when} -F`);
      else if (kind !== "text") lines.push(`complete -c weft${when}${asked(kind)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function asked(kind: Kind): string {
  return kind === "text" || kind === "file" ? "" : ` -a '(weft __complete ${kind} 2>/dev/null)'`;
}
