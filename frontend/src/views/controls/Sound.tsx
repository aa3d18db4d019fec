/** Waveform and player of an instance's sound. */

import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { contentUrl } from "../../state/data";
import { instanceName } from "../../state/derived";
import { soundOf } from "../../state/sounds";
import { IconButton } from "./Icon";
import { Unread } from "./Loading";

/** The waveform, in the colour of the text. */
export function Wave({ index, width, height }: { index: number; width: number; height: number }): JSX.Element {
  const peaks = soundOf(String(index)).value.value;
  const bins = (peaks?.length ?? 0) / 2;
  const y = (value: number): string => ((height / 2) * (1 - 0.94 * value)).toFixed(1);
  const x = (bin: number): string => (((bin + 0.5) / bins) * width).toFixed(1);
  const bars = Array.from(
    { length: bins },
    (_, bin) => `M${x(bin)} ${y(peaks![2 * bin + 1]! + 0.03)}V${y(peaks![2 * bin]! - 0.03)}`,
  ).join("");
  return (
    <svg
      class="thumbnail wave"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Sound of ${instanceName(index)}`}
    >
      <path d={bars} stroke="currentColor" stroke-width={Math.max(0.6, (width / bins) * 0.7)} />
    </svg>
  );
}

/** The waveform and a play button. */
export function Sound({ index }: { index: number }): JSX.Element {
  const audio = useRef<HTMLAudioElement>(null);
  const [playing, setPlaying] = useState(false);
  const [failed, setFailed] = useState(false);
  const toggle = (): void =>
    void (playing ? audio.current?.pause() : audio.current?.play().catch(() => setFailed(true)));
  return (
    <div class="sound">
      <Wave index={index} width={120} height={48} />
      <Unread load={soundOf(String(index)).value} />
      <IconButton
        icon={playing ? "pause" : "play"}
        label={playing ? "Stop the sound" : "Play the sound"}
        onClick={toggle}
      />
      {failed && <span class="caption">It could not be played.</span>}
      {/* biome-ignore lint/a11y/useMediaCaption: a recording of the user's data has no captions */}
      <audio
        ref={audio}
        src={contentUrl(index) ?? undefined}
        preload="none"
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
        onEnded={() => setPlaying(false)}
      />
    </div>
  );
}
