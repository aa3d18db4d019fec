/**
 * TensorBoard's side of the frame: its messages, its theme. Everything here also works when there is no TensorBoard
 * around (dev page).
 */

type Message = { type: string; id: number; payload: unknown; error: string | null; isReply: boolean };

/** Calls `look` whenever TensorBoard says that its data changed. Returns what stops it. */
export function onDataReloaded(look: () => void): () => void {
  if (window.parent === window) return () => {};
  const channel = new MessageChannel();
  channel.port1.onmessage = ({ data }: MessageEvent<string>) => {
    const message = JSON.parse(data) as Message;
    if (message.isReply) return;
    channel.port1.postMessage(JSON.stringify({ ...message, payload: null, error: null, isReply: true }));
    if (message.type === "experimental.DataReloaded" || message.type === "experimental.RunsChanged") look();
  };
  window.parent.postMessage("experimental.bootstrap", "*", [channel.port2]);
  return () => channel.port1.close();
}

/** The window whose address bar the user sees. */
export function hostWindow(): Window {
  return window.parent;
}
