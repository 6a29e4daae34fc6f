/** A refusal in AWS's terms; the server turns it into XML. */
export class StsError extends Error {
  override readonly name = "StsError";
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export function accessDenied(message: string): StsError {
  return new StsError("AccessDenied", message, 403);
}

export function invalidIdentityToken(message: string): StsError {
  return new StsError("InvalidIdentityToken", message);
}

export function validationError(message: string): StsError {
  return new StsError("ValidationError", message);
}
