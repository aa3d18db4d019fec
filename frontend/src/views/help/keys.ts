/** What the help sheet says of keys, and the questions that people come with. */

interface Keys {
  title: string;
  /** Of the documentation: what the view shows. */
  page: string;
  keys: { keys: string[]; does: string }[];
}

export const KEYS: readonly Keys[] = [
  {
    title: "Anywhere",
    page: "learn/index.html",
    keys: [
      { keys: ["?"], does: "open or close this sheet" },
      { keys: ["/"], does: "type an expression" },
      { keys: ["Esc"], does: "close the menu, sheet or list" },
    ],
  },
  {
    title: "On the step slider",
    page: "learn/comparing.html",
    keys: [
      { keys: ["←", "→"], does: "one step back or forward" },
      { keys: ["Home", "End"], does: "the first or the last step" },
    ],
  },
  {
    title: "In the matrix",
    page: "learn/matrix.html",
    keys: [
      { keys: ["↑", "↓", "←", "→"], does: "go to another cell" },
      { keys: ["A"], does: "make this row A" },
      { keys: ["B"], does: "make this row B, and compare it with A" },
      { keys: ["Enter"], does: "show the neuron in the drawer; on a name, sort by the row" },
      { keys: ["Delete"], does: "remove the row" },
      { keys: ["F2"], does: "rename the row" },
      { keys: ["Alt ↑", "Alt ↓"], does: "move the row" },
      { keys: ["+", "−", "0"], does: "zoom in, zoom out, show all" },
      { keys: ["Shift F10"], does: "open the menu of the row" },
    ],
  },
  {
    title: "In the graph",
    page: "learn/ladder.html",
    keys: [
      { keys: ["↑", "↓"], does: "go to another node" },
      { keys: ["→", "←"], does: "open or close a module" },
      { keys: ["Space"], does: "open or close the layer’s panel" },
    ],
  },
  {
    title: "In the list of findings",
    page: "learn/findings.html",
    keys: [
      { keys: ["↑", "↓"], does: "go to another finding, and show what it rests on" },
      { keys: ["Enter"], does: "open it: its rows, layer, step and instances" },
      { keys: ["Delete"], does: "hide it, or list it again" },
    ],
  },
  {
    title: "In the health map",
    page: "python.html#training-health",
    keys: [
      { keys: ["↑", "↓", "←", "→"], does: "go to another layer or step" },
      { keys: ["Enter"], does: "show the nearest snapshot" },
      { keys: ["Space"], does: "open or close the layer’s panel" },
    ],
  },
  {
    title: "In a projection",
    page: "learn/projection.html",
    keys: [
      { keys: ["↑", "↓", "←", "→"], does: "go to another instance" },
      { keys: ["Enter"], does: "add the instance as a row" },
      { keys: ["Shift drag"], does: "add to the lasso; with Alt, take away" },
      { keys: ["Ctrl wheel"], does: "zoom; Ctrl is not needed once it has the focus" },
    ],
  },
];

export const WAYS = [
  {
    question: "Where do two classes differ?",
    page: "learn/sorting.html",
    answer: "Point at a row and click A; point at another and click B. The neurons that tell them apart come first.",
  },
  {
    question: "Why is this one wrong?",
    page: "learn/why_not.html",
    answer: "Click it anywhere. “Why not” lists the neurons that set it apart from its own class.",
  },
  {
    question: "How do these differ from the rest?",
    page: "learn/subsets.html",
    answer: "Type an expression, or draw around them in a projection. Then click Add as row.",
  },
];
