/** Stands in for the address of the worker's file in an export, where none is started: see `exported.tsx`. */
export default "";
