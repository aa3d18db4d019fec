/** Starts the tab: styles, theme, stored panes, address, polling, first render. */

import { effect } from "@preact/signals";
import { render } from "preact";
import { hostWindow, onDataReloaded } from "./api/host";
import type { Source } from "./api/source";
import { copyFonts } from "./draw/fonts";
import { followTheme, theme, writeTokens } from "./draw/theme";
import { addStyles } from "./lib/styles";
import { setSource } from "./state/data";
import { noticeFirstVisit } from "./state/firstVisit";
import { rememberPanes } from "./state/panes";
import { pollRuns } from "./state/poll";
import { followSeparationLater, prefetch } from "./state/prefetch";
import { followAddress } from "./state/url";
import styles from "./styles.css?inline";
import { App } from "./views/App";

/** Starts the tab on any source; the dev page passes made-up data. */
export function start(source: Source, mount: HTMLElement): void {
  const host = hostWindow();
  addStyles(styles);
  document.documentElement.lang = "en";
  document.title = "ActiVis";
  followTheme(host);
  effect(() => writeTokens(document.documentElement, theme.value));
  rememberPanes();
  noticeFirstVisit();
  setSource(source);
  followAddress(host);
  pollRuns(onDataReloaded);
  prefetch();
  followSeparationLater();
  render(<App />, mount);
  copyFonts(host);
}
