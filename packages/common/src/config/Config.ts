/**
 * The options of one daemon or client: value and origin of each, and who wants to know of a change.
 * Pure: callers read the file and the environment. Ceph counterpart: src/common/config.h (md_config_t).
 *
 * An origin further down this list wins: default < file < env < cmdline < override (`config set`).
 */
import { CommandError } from "../errors.ts";
import type { entity_name_t } from "../types/entity.ts";
import { parse_ini, sections_of } from "./ini.ts";
import { type OptionValue, option_text, parse_option, type Service } from "./option.ts";
import {
  find_option,
  OPTION_NAMES,
  type OptionName,
  type OptionOf,
  option_spec,
} from "./options.ts";

export const ORIGINS = ["default", "file", "env", "cmdline", "override"] as const;
export type Origin = (typeof ORIGINS)[number];

/** A line of `config show`. */
export interface ConfigRow {
  readonly name: OptionName;
  readonly value: string;
  readonly source: Origin;
}
export type ConfigValues = { readonly [N in OptionName]?: OptionOf<N> };
type Observer = { names: ReadonlySet<string>; fn: (changed: OptionName) => void };

/** Environment variables that set options begin with this: TAKO_OSD_HEARTBEAT_GRACE. */
export const ENV_PREFIX = "TAKO_";

/** The options of a daemon: defaults, changed by file, environment, arguments and at run time. */
export class Config {
  private readonly values = new Map<OptionName, OptionValue>();
  private readonly layers = new Map<Origin, Map<OptionName, OptionValue>>();
  private readonly observers = new Set<Observer>();

  /** With `overrides` as if given on the command line: what tests and the simulator use. */
  constructor(overrides: ConfigValues = {}) {
    for (const name of OPTION_NAMES) this.values.set(name, option_spec(name).default);
    for (const [name, v] of Object.entries(overrides)) {
      if (v !== undefined) this.put(name, v, "cmdline");
    }
  }

  get<N extends OptionName>(name: N): OptionOf<N>;
  get(name: OptionName): OptionValue {
    return this.values.get(name) ?? option_spec(name).default;
  }

  /** By a name that a person typed; CommandError EINVAL when there is no such option. */
  get_text(name: string): string {
    return option_text(this.get_any(find_option(name)));
  }

  source(name: OptionName): Origin {
    return ORIGINS.findLast((o) => this.layers.get(o)?.has(name)) ?? "default";
  }

  /** Sets by name; unknown and ill-typed ones are refused with CommandError EINVAL. */
  put(name: string, raw: OptionValue, origin: Exclude<Origin, "default">): OptionName {
    const found = find_option(name);
    const v = parse_option(found, option_spec(found), raw);
    this.layer(origin).set(found, v);
    this.refresh(found);
    return found;
  }

  /** `config set`: at run time. Refused for options that are only read at the start. */
  set(name: string, raw: OptionValue): OptionName {
    const found = find_option(name);
    if (option_spec(found).startup === true) {
      throw new CommandError("EPERM", `option ${found} may not be changed at run time`);
    }
    return this.put(found, raw, "override");
  }

  /** `config rm`: takes back what `config set` did. */
  rm(name: string): OptionName {
    const found = find_option(name);
    this.layers.get("override")?.delete(found);
    this.refresh(found);
    return found;
  }

  /** All sections of an ini file that apply to `name`: [global], then [osd], then [osd.3]. */
  load_file(text: string, file: string, name: entity_name_t): void {
    const wanted = sections_of(name);
    const lines = parse_ini(text, file);
    for (const section of wanted) {
      for (const l of lines) {
        if (l.section !== section) continue;
        this.at(`${file}:${l.line}`, () => this.put(l.key, l.value, "file"));
      }
    }
    // A misspelt option is an error also in a section for somebody else.
    for (const l of lines) {
      if (!wanted.includes(l.section)) this.at(`${file}:${l.line}`, () => find_option(l.key));
    }
  }

  /** TAKO_OSD_HEARTBEAT_GRACE=5. An unknown TAKO_ variable is refused, but for those in `ignore`. */
  load_env(
    env: Readonly<Record<string, string | undefined>>,
    ignore: readonly string[] = [],
  ): void {
    for (const key of Object.keys(env).sort()) {
      const v = env[key];
      if (v === undefined || !key.startsWith(ENV_PREFIX) || ignore.includes(key)) continue;
      this.at(key, () => this.put(key.slice(ENV_PREFIX.length), v, "env"));
    }
  }

  /** Every option in alphabetical order; with `service` only those that it reads. */
  show(service?: Service): ConfigRow[] {
    return OPTION_NAMES.filter(
      (name) => service === undefined || option_spec(name).services.includes(service),
    ).map((name) => ({
      name,
      value: option_text(this.get_any(name)),
      source: this.source(name),
    }));
  }

  /** Those that are not at their default (`config diff`). */
  diff(): ConfigRow[] {
    return this.show().filter((r) => r.source !== "default");
  }

  /** Calls `fn` after each change of one of `names`. Returns what ends it. */
  observe(names: readonly OptionName[], fn: (changed: OptionName) => void): () => void {
    const o: Observer = { names: new Set(names), fn };
    this.observers.add(o);
    return () => {
      this.observers.delete(o);
    };
  }

  private get_any(name: OptionName): OptionValue {
    return this.values.get(name) ?? option_spec(name).default;
  }

  private layer(origin: Origin): Map<OptionName, OptionValue> {
    const l = this.layers.get(origin) ?? new Map<OptionName, OptionValue>();
    this.layers.set(origin, l);
    return l;
  }

  private refresh(name: OptionName): void {
    const v = this.layers.get(this.source(name))?.get(name) ?? option_spec(name).default;
    if (v === this.values.get(name)) return;
    this.values.set(name, v);
    for (const o of this.observers) if (o.names.has(name)) o.fn(name);
  }

  private at(where: string, fn: () => void): void {
    try {
      fn();
    } catch (e) {
      if (!(e instanceof CommandError)) throw e;
      throw new CommandError(e.code, `${where}: ${e.message}`, { cause: e });
    }
  }
}
