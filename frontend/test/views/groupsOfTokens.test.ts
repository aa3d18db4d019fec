import { effect } from "@preact/signals";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fixtureSource } from "../../fixture/source";
import { columns, setSource, snapshot } from "../../src/state/data";
import { labelName, noun } from "../../src/state/derived";
import { refreshRuns } from "../../src/state/poll";
import { chosenGroupColumn, groupColumn, groupColumns, grouping } from "../../src/views/instances/grouping";

/** A snapshot of tokens: 26 words, the first ones more often than the others, and labels of another set of words. */
const WORDS = Array.from({ length: 26 }, (_, index) => `word ${index}`);
const token = (index: number): number => Math.min(index % 40, 25 - (index % 40 > 25 ? index % 3 : 0));
/** Of every sequence the last, as in a language model. */
const unlabelled = (index: number): boolean => index % 7 === 6;
const source = fixtureSource();
let stop: () => void;

beforeAll(async () => {
  setSource({
    ...source,
    snapshot: async (at, abort) => ({
      ...(await source.snapshot(at, abort)),
      unit: "position",
      task: "tokens",
      class_names: [],
      content: "text",
    }),
    columns: async (at, abort) => {
      const known = await source.columns(at, abort);
      const values = Int32Array.from({ length: known.count }, (_, index) => token(index));
      const kind = Int32Array.from({ length: known.count }, (_, index) => index % 2);
      return {
        ...known,
        correct: Uint8Array.from({ length: known.count }, (_, index) => (unlabelled(index) ? 255 : index % 2)),
        label: Int32Array.from({ length: known.count }, (_, index) => (unlabelled(index) ? -1 : index % 30)),
        names: Array.from({ length: 30 }, (_, index) => `next ${index}`),
        extra: new Map([
          ["kind", { values: kind, categories: ["a", "b"], since: null }],
          ["token", { values, categories: WORDS, since: null }],
        ]),
      };
    },
  });
  await refreshRuns();
  stop = effect(() => void [snapshot.value, columns.value]);
  for (let i = 0; i < 200 && !(columns.value.value && snapshot.value.value); i++)
    await new Promise((resolve) => setTimeout(resolve, 5));
});
afterAll(() => stop());

test("instances are tokens, with the words of their vocabulary", () => {
  expect(noun.value).toBe("token");
  expect([labelName(3), labelName(-1)]).toEqual(["next 3", "–"]);
});

test("with many labels they are grouped by token, the most frequent first", () => {
  expect(groupColumns.value).toEqual(["token", "kind"]);
  expect(groupColumn.value).toBe("token");
  const now = grouping.value;
  if (now?.task !== "classification") throw new Error("no groups");
  const sampled = snapshot.value.value!.sample_size;
  const counts = WORDS.map((_, word) => Array.from({ length: sampled }, (_, index) => +(token(index) === word)));
  const judged = counts.map((each) => each.filter((_, index) => !unlabelled(index)));
  const [all, sums] = [counts, judged].map((of) => of.map((each) => each.reduce((sum, one) => sum + one, 0)));
  const order = WORDS.map((_, word) => word).sort((a, b) => all![b]! - all![a]!);
  expect(now.names).toEqual([...order.slice(0, 20).map((word) => WORDS[word]), "6 others", "–"]);
  const sizes = now.groups.map(({ right, wrong }) => right.length + wrong.length);
  expect(sizes.slice(0, 20)).toEqual(order.slice(0, 20).map((word) => sums![word]));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(sampled);

  // Without a label a token is neither right nor wrong: it stands apart, and in no count.
  const without = Array.from({ length: sampled }, (_, index) => +unlabelled(index)).reduce((sum, one) => sum + one, 0);
  expect(sizes.at(-1)).toBe(without);
  expect(now.right + now.wrong).toBe(sampled - without);
  for (const { right, wrong } of now.groups.slice(0, -1)) {
    expect([...right].every((index) => index % 2 === 1 && !unlabelled(index))).toBe(true);
    expect([...wrong].every((index) => index % 2 === 0)).toBe(true);
  }
});

test("or by a column of choice", () => {
  chosenGroupColumn.value = "kind";
  expect(grouping.value).toMatchObject({ names: ["a", "b", "–", "–"] });
});
