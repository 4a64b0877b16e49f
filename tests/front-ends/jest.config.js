export default {
  testEnvironment: "jsdom",
  transform: {
    "\\.[jt]sx?$": [
      "babel-jest",
      {
        presets: [
          ["@babel/preset-env", { targets: { node: "current" } }],
          ["@babel/preset-react", { runtime: "automatic" }],
          "@babel/preset-typescript",
        ],
      },
    ],
  },
  // Jest runs CommonJS. By default, it does not transform packages, and the client is an ES module.
  transformIgnorePatterns: ["/node_modules/(?!@dialogue-rs/)"],
};
