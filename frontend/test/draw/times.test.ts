import { expect, test } from "vitest";
import { secondsText, timeText } from "../../src/draw/times";

test("times show no more than there is", () => {
  expect(timeText("2024-05-01T00:00:00Z")).toBe("2024-05-01");
  expect(timeText("2024-05-01T12:30:00Z")).toBe("2024-05-01 12:30");
  expect(timeText("2024-05-01T12:30:05.250000Z")).toBe("2024-05-01 12:30:05.25");
  expect(timeText("0001-01-01T00:00:01Z")).toBe("0001-01-01 00:00:01");
});

test("seconds are counted from the earliest", () => {
  expect(secondsText("2024-02-28T23:59:30Z", 90.2)).toBe("2024-02-29 00:01");
  expect(secondsText("2024-02-28T23:59:30Z", NaN)).toBe("–");
});
