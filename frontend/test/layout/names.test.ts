import { describe, expect, it } from "vitest";
import { cutName, inTwoParts, sharedLetters, shortNames, typedName, withoutParents } from "../../src/layout/names";

describe("names that are too long", () => {
  it("keep what differs, wherever it is", () => {
    const names = ["stage0_block1_conv3_out", "stage0_block2_conv3_out", "stage0_block2_conv3_in", "head"];
    const short = shortNames(names, 16);
    expect(short.has("head")).toBe(false);
    expect(Object.fromEntries(short)).toEqual({
      stage0_block1_conv3_out: "st…ck1_conv3_out",
      stage0_block2_conv3_out: "stage0_bloc…_out",
      stage0_block2_conv3_in: "stage0_block…_in",
    });
  });

  it("are different from each other, and no longer than wanted", () => {
    const long = "A class whose name somebody wrote out in full, with all that the guideline says of it, number";
    const names = Array.from({ length: 30 }, (_, i) => `${long} ${i}`);
    const short = shortNames(names, 18);
    expect(new Set(short.values()).size).toBe(30);
    for (const [name, shown] of short) {
      expect(shown.length).toBeLessThanOrEqual(18);
      expect(shown.endsWith(name.split(" ").at(-1)!)).toBe(true);
    }
  });

  it("end in an ellipsis where the beginning differs", () => {
    expect([...shortNames(["abcdefghijklmnopqrstuvw", "zyxwvutsrqponmlkjihgfed"], 10).values()]).toEqual([
      "abcdefghi…",
      "zyxwvutsr…",
    ]);
    expect(shortNames(["one", "two"], 10).size).toBe(0);
  });

  it("give way in the middle, by width, and keep what differs from the neighbours", () => {
    const within = (room: number) => (text: string) => text.length <= room;
    const same = (...names: string[]): number => sharedLetters(names).get(names[0]!)!;
    const name = "stage0_block1_conv3_out";
    expect(cutName("stage0_block1", 0, within(13), 0.45)).toBe("stage0_block1");
    expect(cutName("stage0_block1", 0, within(10), 0.45)).toBe("stage…ock1");
    expect(cutName(name, same(name, "stage0_block1_conv3_in"), within(10), 0.45)).toBe("stage…_out");
    expect(cutName(name, same(name, "stage0_block2_conv3_out"), within(14), 0.45)).toBe("…ck1_conv3_out");
    expect(cutName(name, same(name, "stage0_block2_conv3_out"), within(8), 0.45)).toBe("…k1_con…");
    expect(cutName(name, same(name, "stage0_block2_conv3_out"), within(12), 0.45)).toBe("stage0…ck1_…");
    expect(cutName(name, same(name, "stem"), within(10), 0.45)).toBe("stage…_out");
    expect(cutName(name, same(name, "stem"), within(3), 0.45)).toBe("");
  });

  it("are in two parts, of which the first gives way, and what differs is in the second if it is near the end", () => {
    expect(inTwoParts("head.fc1", 5)).toEqual(["", "head.fc1"]);
    expect(inTwoParts("encoder.layers.11.attention.output", 28)).toEqual(["encoder.layers.11.attention", ".output"]);
    expect(inTwoParts("encoder.layers.11.attention.output", 15)).toEqual(["encoder.layers.11.attentio", "n.output"]);
    expect(inTwoParts("projection_of_all_that_was_seen_out", 32)).toEqual(["projection_of_all_that_was_seen", "_out"]);
    expect(inTwoParts("a".repeat(20), 20)).toEqual(["aaaaaaaaaaaa", "aaaaaaaa"]);
  });

  it("that are numbers say their type", () => {
    expect(typedName("features.4", "Linear")).toBe("features.4 · Linear");
    expect(typedName("4", "Linear")).toBe("4 · Linear");
    expect(typedName("0@1", "GRU")).toBe("0@1 · GRU");
    expect(typedName("layer2.conv1", "Conv2d")).toBe("layer2.conv1");
    expect(typedName("4", undefined)).toBe("4");
  });
});

describe("paths of blocks", () => {
  it("lose the parents that all of them have, but for the last", () => {
    expect(withoutParents(["bert.encoder.layer.0", "bert.encoder.layer.11"])).toEqual(["layer.0", "layer.11"]);
    expect(withoutParents(["h.0", "h.1"])).toEqual(["h.0", "h.1"]);
    expect(withoutParents(["first", "second.block"])).toEqual(["first", "second.block"]);
    expect(withoutParents(["model.layers.0"])).toEqual(["layers.0"]);
    expect(withoutParents([])).toEqual([]);
  });
});
