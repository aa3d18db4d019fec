/** "2024-05-01 12:30:05" of a moment in ISO 8601 and UTC: what is zero at its end is left out. */
export function timeText(iso: string): string {
  const [date = iso, time = ""] = iso.replace(/Z$/, "").split("T");
  const short = time.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  return short === "" || short === "00:00:00" ? date : `${date} ${short.replace(/^(\d\d:\d\d):00$/, "$1")}`;
}

/** The same of so many seconds after a moment. */
export function secondsText(since: string, seconds: number): string {
  const moment = Date.parse(since) + Math.round(seconds) * 1000;
  return Number.isFinite(moment) ? timeText(new Date(moment).toISOString()) : "–";
}
