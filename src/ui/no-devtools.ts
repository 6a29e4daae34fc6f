/** Takes the place of react-devtools-core and of its ws, which would load Node's whole network. */
export default {};
