/** Takes the place of is-in-ci: whether a screen is wanted is decided before it is opened. */
export default false;
