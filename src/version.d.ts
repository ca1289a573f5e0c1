/** Put in by the bundler from package.json. */
declare const SYNCGATE_VERSION: string;
