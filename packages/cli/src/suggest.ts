/** The nearest of some words to a mistyped one. */

/** Edits (insert, delete, replace, swap of neighbours) between two words. */
export function edit_distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const cost = Math.min(
        (above[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (above[j - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(swapped ? Math.min(cost, (before[j - 2] ?? 0) + 1) : cost);
    }
    before = above;
    above = row;
  }
  return above[b.length] ?? 0;
}

/** Those near enough to be meant, the nearest first; at most three. */
export function nearest(word: string, candidates: readonly string[]): string[] {
  const w = word.toLowerCase();
  const scored = [...new Set(candidates)].map((c) => {
    const edits = edit_distance(w, c.toLowerCase());
    // A beginning of the word is as good as one slip.
    const slips = w.length >= 2 && c.startsWith(w) ? Math.min(edits, 1) : edits;
    return { c, edits, slips };
  });
  const near = scored
    .filter(({ c, slips }) => slips <= Math.max(1, Math.floor(Math.max(w.length, c.length) * 0.4)))
    .sort((x, y) => x.slips - y.slips || x.edits - y.edits || (x.c < y.c ? -1 : 1));
  const best = near[0];
  const as_good = near.filter((n) => best && n.slips === best.slips && n.edits <= best.edits + 1);
  return as_good.slice(0, 3).map(({ c }) => c);
}
