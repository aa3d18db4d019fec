import { expect, test } from "vitest";
import { kernelOf, packColour, splat } from "../../src/draw/points";

const sheet = (width: number, height: number, ground: number) => ({
  pixels: new Uint32Array(width * height).fill(ground),
  width,
  height,
});
const STILL = { x0: 0, y0: 0, scale: 1 };
const RED = packColour("#ff0000");
const GROUND = packColour("#f5f6f7");

test("packs CSS colours as little-endian RGBA", () => {
  expect(packColour("#102030")).toBe(0xff302010);
  expect(packColour("rgb(16, 32, 48)")).toBe(0xff302010);
});

test("a disc's weights sum to its area", () => {
  const { weights, side } = kernelOf(2.6, 1);
  for (let place = 0; place < 16; place++) {
    const sum = weights.subarray(place * side * side, (place + 1) * side * side).reduce((a, b) => a + b, 0) / 256;
    expect(Math.abs(sum - Math.PI * 2.6 ** 2)).toBeLessThan(0.7);
  }
});

test("the middle is the colour, half transparent is the mean, and far away is the ground", () => {
  const opaque = sheet(11, 11, GROUND);
  splat(opaque, Float32Array.from([5.5, -5.5]), STILL, Uint32Array.of(RED), { radius: 2, alpha: 1 }, null);
  expect(opaque.pixels[5 * 11 + 5]).toBe(RED);
  expect(opaque.pixels[0]).toBe(GROUND);
  const half = sheet(11, 11, packColour("#ffffff"));
  splat(
    half,
    Float32Array.from([5.5, -5.5]),
    STILL,
    Uint32Array.of(packColour("#000000")),
    { radius: 2, alpha: 0.5 },
    null,
  );
  expect(half.pixels[5 * 11 + 5]).toBe(0xff7f7f7f);
});

test("leaves out colour 0, what is not chosen and what is outside", () => {
  const xy = Float32Array.from([5.5, -5.5, 5.5, -5.5, NaN, 1, -400, 3]);
  const left = sheet(11, 11, GROUND);
  splat(left, xy, STILL, Uint32Array.of(0, RED, RED, RED), { radius: 2, alpha: 1 }, Uint8Array.of(1, 0, 1, 1));
  expect(left.pixels.every((pixel) => pixel === GROUND)).toBe(true);
});

test("at the edge it does not run over into the next line", () => {
  const edge = sheet(8, 8, GROUND);
  splat(
    edge,
    Float32Array.from([7.9, -4]),
    STILL,
    Uint32Array.of(RED),
    { radius: 2, alpha: 1, halo: { width: 1, colour: packColour("#000000") } },
    null,
  );
  for (let y = 0; y < 8; y++) expect(edge.pixels[y * 8]).toBe(GROUND);
  expect(edge.pixels[4 * 8 + 7]).toBe(RED);
});
