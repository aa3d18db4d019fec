/** The styles of all that is loaded later, in one sheet: one text compresses to less than many between the code. */

import styles from "../later.css?inline";
import { addStyles } from "./styles";

addStyles(styles);
