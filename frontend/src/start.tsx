import { effect } from "@preact/signals";
import { render } from "preact";
import { hostWindow, onDataReloaded } from "./api/host";
import type { Source } from "./api/source";
import { copyFonts } from "./draw/fonts";
import { followTheme, theme, writeTokens } from "./draw/theme";
import { askAhead } from "./state/ahead";
import { setSource } from "./state/data";
import { rememberPanes } from "./state/panes";
import { pollRuns } from "./state/poll";
import { followAddress } from "./state/url";
import styles from "./styles.css?inline";
import { App } from "./views/App";

/** Starts the tab on any source: the dev page hands in made-up data. */
export function start(source: Source, mount: HTMLElement): void {
  const host = hostWindow();
  const sheet = document.createElement("style");
  sheet.textContent = styles;
  document.head.append(sheet);
  document.documentElement.lang = "en";
  document.title = "ActiVis";
  followTheme(host);
  effect(() => writeTokens(document.documentElement, theme.value));
  rememberPanes();
  setSource(source);
  followAddress(host);
  pollRuns(onDataReloaded);
  askAhead();
  render(<App />, mount);
  copyFonts(host);
}
