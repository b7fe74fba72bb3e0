/** The files of `crushtool --test --output-csv`. Ceph counterpart: write_data_set_to_csv. */
import { type crush_test_run, print_ostream_float, proportional_weights } from "@tako/common";

export const HELP_OUTPUT = `Files of --output-csv, each RULE-NAME.csv; one line for each OSD unless it says otherwise:
  absolute_weights                        OSD, its in/out weight
  proportional_weights_all                OSD, its part of the weight of all
  proportional_weights                    the same, without OSDs that are out
  device_utilization_all                  OSD, objects stored there, objects expected
  device_utilization                      the same, only OSDs that hold any
  placement_information                   a line for each input: input, its OSDs
  batch_device_utilization_all            with --batches, a line for each: objects stored by OSD
  batch_device_expected_utilization_all   the same numbers, as the original writes them
A rule that is tested with several sizes leaves the files of the last one.
`;

/** Name and text of each file. `max_rep` is the option of that name. */
export function csv_files(
  run: crush_test_run,
  weights: readonly number[],
  max_rep = -1,
): [name: string, text: string][] {
  const number = print_ostream_float;
  const shares = proportional_weights(weights);
  const used = run.devices.filter((d) => d.expected > 0 && d.stored > 0);
  const columns = (n: number, what: string) =>
    Array.from({ length: Math.max(0, n) }, (_, i) => `, ${what}${i}`).join("");
  const by_device = (values: readonly number[]) => values.map((v, i) => `${i},${number(v)}`);
  const stored = "Device ID, Number of Objects Stored, Number of Objects Expected";
  const utilization = (devices: crush_test_run["devices"]) =>
    devices.map((d) => `${d.device},${number(d.stored)},${number(d.expected)}`);
  const inputs = (run.mappings ?? []).map((m) => [m.x, ...m.osds].join(","));
  const files: [name: string, head: string, lines: readonly string[]][] = [
    [
      "absolute_weights",
      "Device ID, Absolute Weight",
      by_device(weights.map((w) => Math.fround(w / 0x10000))),
    ],
    ["device_utilization", stored, utilization(used)],
    ["device_utilization_all", stored, utilization(run.devices)],
    ["placement_information", `Input${columns(max_rep, "OSD")}`, inputs],
    [
      "proportional_weights",
      "Device ID, Proportional Weight",
      by_device(shares).filter((_, i) => (shares[i] ?? 0) > 0),
    ],
    ["proportional_weights_all", "Device ID, Proportional Weight", by_device(shares)],
  ];
  if (run.batches.length > 1) {
    const rounds = run.batches.map((b, i) => [i, ...b].join(","));
    const head = (what: string) => `Batch Round${columns(used.length, `Objects ${what} on OSD`)}`;
    files.push(
      ["batch_device_expected_utilization_all", head("Expected"), rounds],
      ["batch_device_utilization_all", head("Stored"), rounds],
    );
  }
  return files.map(([name, head, lines]) => [name, [head, ...lines, ""].join("\n")]);
}
