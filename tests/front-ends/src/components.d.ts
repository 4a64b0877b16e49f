// `vue-tsc` checks the components. For TypeScript alone, they are of this type. Svelte declares its own.
declare module "*.vue" {
  import type { DefineComponent } from "vue";
  const component: DefineComponent<any>;
  export default component;
}
