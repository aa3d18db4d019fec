/** The styles of the drawer in a comparison. */

import { addStyles } from "../../lib/styles";
import styles from "./compare.css?inline";

addStyles(styles);
