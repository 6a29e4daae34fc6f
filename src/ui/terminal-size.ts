/** Takes the place of terminal-size, which would start programs to find out: ours is told by the terminal that it was handed. */
export default (): { readonly columns: number; readonly rows: number } => ({ columns: 80, rows: 24 });
