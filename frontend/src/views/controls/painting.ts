/** The code that paints instances, which is loaded when a neuron is selected. */

import { codeOf } from "../../state/code";
import { paintingNeuron } from "../../state/positions";

const code = codeOf(() => import("./Painted"));

/** Its components; null while nothing is to be painted, or they are not there. */
export const painting = (): typeof import("./Painted") | null => (paintingNeuron.value ? code.value.value : null);
