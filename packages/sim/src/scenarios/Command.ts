/** What a command of a transcript is. */
import type { Scene } from "./Scene.ts";

export type Command = (s: Scene, args: readonly string[]) => void | Promise<void>;
export type Commands = Readonly<Record<string, Command>>;
