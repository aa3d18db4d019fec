import { describe, expect, it } from "vitest";
import { peaksOf } from "../../src/api/wav";

/** A WAV file of 16 bits, with a chunk of odd size that a reader must pass over. */
function wav(samples: number[][]): ArrayBuffer {
  const channels = samples[0]!.length;
  const view = new DataView(new ArrayBuffer(12 + 24 + 12 + 8 + 2 * channels * samples.length));
  const text = (at: number, word: string): void =>
    [...word].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  text(8, "WAVE");
  text(12, "fmt ");
  view.setUint32(16, 16, true);
  view.setUint16(22, channels, true);
  view.setUint16(34, 16, true);
  text(36, "LIST");
  view.setUint32(40, 3, true);
  text(48, "data");
  view.setUint32(52, 2 * channels * samples.length, true);
  samples.flat().forEach((value, i) => view.setInt16(56 + 2 * i, value, true));
  return view.buffer;
}

describe("peaksOf", () => {
  it("gives the lowest and highest value of every part, of the first channel", () => {
    expect([
      ...peaksOf(
        wav([
          [0, 9],
          [16384, 9],
          [-8192, 9],
          [-32768, 9],
          [8192, 9],
          [0, 9],
        ]),
        3,
      ),
    ]).toEqual([0, 0.5, -1, 0, 0, 0.25]);
  });

  it("is silent about what is no sound", () => {
    expect([...peaksOf(new ArrayBuffer(4), 2)]).toEqual([0, 0, 0, 0]);
    expect([...peaksOf(wav([[0]]).slice(0, 20), 1)]).toEqual([0, 0]);
  });
});
