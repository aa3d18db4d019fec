import { expect, test } from "vitest";
import { cloud } from "../../src/draw/cloud";
import { packColour } from "../../src/draw/points";

const STILL = { x0: 0, y0: 0, scale: 1 };
const [RED, BLUE, WHITE] = [packColour("#ff0000"), packColour("#0000ff"), packColour("#ffffff")];
const SIDE = 9;

/** One pixel in the middle of the sheet, its neighbours left as they are: a radius of half a pixel. */
function drawn(
  places: number[],
  colours: number[],
  alpha: number,
  chosen: Uint8Array | null = null,
  radius = 0.5,
): Uint32Array {
  const pixels = new Uint32Array(SIDE * SIDE).fill(WHITE);
  cloud(
    { pixels, width: SIDE, height: SIDE },
    Float32Array.from(places),
    STILL,
    Uint32Array.from(colours),
    { radius, alpha },
    chosen,
  );
  return pixels;
}

const MIDDLE = 4 * SIDE + 4;

test("one point is mixed with the ground, two at one place let through what both do, and their colours are the mean", () => {
  // 0.4 of 255; 0.16 of 255; 0.84 of half a red and half a blue, over 0.16 of white.
  expect(drawn([4.5, -4.5], [RED], 0.6)[MIDDLE]).toBe(packColour("rgb(255, 102, 102)"));
  expect(drawn([4.5, -4.5, 4.1, -4.2], [RED, RED], 0.6)[MIDDLE]).toBe(packColour("rgb(255, 41, 41)"));
  expect(drawn([4.5, -4.5, 4.5, -4.5], [RED, BLUE], 0.6)[MIDDLE]).toBe(packColour("rgb(148, 41, 148)"));
  expect(drawn([4.5, -4.5], [RED], 0.6).filter((pixel) => pixel !== WHITE)).toHaveLength(1);
});

test("a disc fades at its edge: whole in the middle, and by what of the pixel it covers beside it", () => {
  const pixels = drawn([4.5, -4.5], [RED], 0.4, null, 1);
  // 1.5 - 0 is more than 1; 1.5 - 1 is a half; 1.5 - sqrt(2) is 0.086.
  expect(pixels[MIDDLE]).toBe(packColour("rgb(255, 153, 153)"));
  expect(pixels[MIDDLE + 1]).toBe(packColour("rgb(255, 204, 204)"));
  expect(pixels[MIDDLE + SIDE]).toBe(pixels[MIDDLE + 1]);
  expect(pixels[MIDDLE + SIDE + 1]).toBe(packColour("rgb(255, 246, 246)"));
});

test("leaves out colour 0, what is not chosen, what has no place and what is outside", () => {
  const pixels = drawn([4.5, -4.5, 4.5, -4.5, NaN, 1, -400, 3], [0, RED, RED, RED], 0.5, Uint8Array.of(1, 0, 1, 1));
  expect(pixels.every((pixel) => pixel === WHITE)).toBe(true);
});

test("at the edge it does not run over into the next line, and what lies just outside reaches in", () => {
  const pixels = drawn([8.9, -4.5, -0.1, -2.5], [RED, BLUE], 0.9, null, 1);
  for (let y = 0; y < SIDE; y++) expect(pixels[y * SIDE] === WHITE).toBe(y < 1 || y > 3);
  expect(pixels[4 * SIDE + 8]).not.toBe(WHITE);
  expect(pixels[3 * SIDE]).not.toBe(pixels[2 * SIDE]);
});
