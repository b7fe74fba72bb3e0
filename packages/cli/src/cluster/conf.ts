export function mon_line(mon_port: number): string {
  return `[global]\nmon_host = 127.0.0.1:${mon_port}\n`;
}
/** The configuration file that a local cluster starts with. */
export function default_conf(mon_port: number): string {
  return `# Options of this local cluster, by their Ceph names. Daemons read it when they start;
# 'tako tell osd.0 config set NAME VALUE' changes a running one.
${mon_line(mon_port)}
# All daemons share one host: spread copies over OSDs, and let one OSD's report suffice.
osd_crush_chooseleaf_type = 0
mon_osd_min_down_reporters = 1
mon_osd_reporter_subtree_level = osd

# A cluster to break on purpose should notice soon. Ceph's own: 6 s and 20 s.
osd_heartbeat_interval = 1
osd_heartbeat_grace = 5
mgr_stats_period = 1

[mon]
mon_allow_pool_delete = true
`;
}
