/** Takes the place of react-devtools-core, which ink names and never loads here. */
export default {};
