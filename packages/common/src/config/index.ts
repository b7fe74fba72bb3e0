export { Config, type ConfigRow, type ConfigValues, ENV_PREFIX, type Origin } from "./Config.ts";
export { type IniLine, parse_ini } from "./ini.ts";
export type { OptionSpec, OptionType, OptionValue, Service } from "./option.ts";
export {
  find_option,
  OPTION_NAMES,
  OPTIONS,
  type OptionName,
  type OptionOf,
  option_spec,
} from "./options.ts";
