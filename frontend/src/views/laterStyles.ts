/** The styles of all that is loaded later, in one sheet: one text compresses to less than many between the code. */

import { addStyles } from "../lib/styles";
import styles from "./later.css?inline";

addStyles(styles);
