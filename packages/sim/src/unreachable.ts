/**
 * States, transitions and points that no simulated run can take, each with its reason. What stands
 * here is not asked for; what is merely rare does not belong here.
 */
export const UNREACHABLE: Readonly<Record<string, string>> = {};
