/** Computes the loudness curve of a WAV file. */

/** Loudness over time: the lowest and the highest value of each of `bins` parts, -1 to 1, alternating. */
export function peaksOf(buffer: ArrayBuffer, bins = 64): Float32Array {
  const view = new DataView(buffer);
  const word = (at: number): string => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  const peaks = new Float32Array(2 * bins);
  if (buffer.byteLength < 12 || word(0) !== "RIFF") return peaks;
  let [bits, channels] = [16, 1];
  for (let at = 12; at + 8 <= buffer.byteLength; ) {
    const [name, size] = [word(at), view.getUint32(at + 4, true)];
    if (name === "fmt " && at + 24 <= buffer.byteLength)
      [channels, bits] = [view.getUint16(at + 10, true), view.getUint16(at + 22, true)];
    if (name === "data") {
      const frame = (bits / 8) * channels;
      const frames = Math.floor(Math.min(size, buffer.byteLength - at - 8) / frame);
      for (let i = 0; i < frames; i++) {
        const place = at + 8 + i * frame;
        const value = bits === 8 ? view.getUint8(place) / 128 - 1 : view.getInt16(place + bits / 8 - 2, true) / 32768;
        const bin = 2 * Math.floor((i / frames) * bins);
        peaks[bin] = Math.min(peaks[bin]!, value);
        peaks[bin + 1] = Math.max(peaks[bin + 1]!, value);
      }
    }
    at += 8 + size + (size % 2);
  }
  return peaks;
}
