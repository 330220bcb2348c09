/** What is used of TypeScript's interface (5 and 6). The project's own is loaded, so its types are not at hand here. */
export interface Compiler {
  version: string;
  ScriptTarget: { ESNext: number };
  ModuleKind: { ESNext: number };
  ModuleResolutionKind: { Bundler: number };
  JsxEmit: { Preserve: number };
  createCompilerHost(options: object, setParentNodes: boolean): CompilerHost;
  createProgram(input: { rootNames: string[]; options: object; host: CompilerHost }): TypeProgram;
  isCallExpression(node: CompilerNode): boolean;
  isNewExpression(node: CompilerNode): boolean;
  isFunctionTypeNode(node: CompilerNode): boolean;
  isConstructorTypeNode(node: CompilerNode): boolean;
  isCallSignatureDeclaration(node: CompilerNode): boolean;
  isConstructSignatureDeclaration(node: CompilerNode): boolean;
  forEachChild(node: CompilerNode, visit: (child: CompilerNode) => void): void;
}

export interface CompilerHost {
  readFile(name: string): string | undefined;
  resolveModuleNameLiterals?(
    literals: readonly CompilerNode[],
    containing: string,
  ): Array<{ resolvedModule: object | undefined }>;
}

export interface CompilerNode {
  pos: number;
  end: number;
  text?: string;
  name?: CompilerNode;
  fileName: string;
  getStart(source: CompilerNode): number;
  getSourceFile(): CompilerNode;
}

export interface TypeProgram {
  getSourceFile(name: string): CompilerNode | undefined;
  getTypeChecker(): {
    getResolvedSignature(call: CompilerNode): { declaration?: CompilerNode } | undefined;
  };
  isSourceFileDefaultLibrary(file: CompilerNode): boolean;
}
