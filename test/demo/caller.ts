/** What a user's own program does: an AWS SDK that finds credentials in its environment. */
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const { Arn } = await new STSClient({ endpoint: process.argv[2] ?? "" }).send(new GetCallerIdentityCommand({}));
process.stdout.write(`${Arn}\n`);
