/** The styles of the drawer, and of what stands in its place. */

import { addStyles } from "../../lib/styles";
import styles from "./detail.css?inline";

addStyles(styles);
