/**
 * Which releases of clients and OSDs the cluster admits.
 * Ceph counterpart: OSDMonitor::prepare_command_impl. cluster.md §3.14.
 */
import { get_min_compat_client, is_release_before, THIS_RELEASE } from "@tako/common";
import type { View } from "../osdmon/pending.ts";
import type { Args } from "./args.ts";
import type { WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then, fail, reply_now } from "./reply.ts";

export const RELEASE_COMMANDS: WriteCommands = {
  "osd set-require-min-compat-client": set_require_min_compat_client,
  "osd require-osd-release": require_osd_release,
};

function is_release(name: string): boolean {
  return is_release_before("unknown", name) && !is_release_before(THIS_RELEASE, name);
}

/** Who is connected needs no look: every client of this protocol can what the newest one can. */
function set_require_min_compat_client(v: View, args: Args): CommandOutcome {
  const release = args.str("version");
  if (!is_release(release)) return fail("EINVAL", `version ${release} is not recognized`);
  const needed = get_min_compat_client(v.osdmap.apply_incremental(v.pending.inc));
  if (is_release_before(release, needed)) {
    return fail(
      "EPERM",
      `osdmap current utilizes features that require ${needed}; cannot set ` +
        `require_min_compat_client below that to ${release}`,
    );
  }
  if (
    release !== v.osdmap.f.require_min_compat_client ||
    v.pending.inc.new_require_min_compat_client !== ""
  ) {
    v.pending.inc.new_require_min_compat_client = release;
  }
  return commit_then(`set require_min_compat_client to ${release}`);
}

function require_osd_release(v: View, args: Args): CommandOutcome {
  const release = args.str("release");
  if (!is_release(release)) return fail("EINVAL", `unrecognized release ${release}`);
  const now = v.osdmap.f.require_osd_release;
  if (release === now) return reply_now("");
  if (v.osdmap.get_num_up_osds() === 0 && !args.flag("yes_i_really_mean_it")) {
    return fail(
      "EPERM",
      "Not advisable to continue since no OSDs are up. Pass --yes-i-really-mean-it if you really " +
        "wish to continue.",
    );
  }
  if (is_release_before(release, "mimic")) {
    return fail("EPERM", "not supported for this release yet");
  }
  if (is_release_before(release, now)) {
    return fail("EPERM", "require_osd_release cannot be lowered once it has been set");
  }
  v.pending.inc.new_require_osd_release = release;
  return commit_then("");
}
