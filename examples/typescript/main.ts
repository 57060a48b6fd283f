// Calls the shop's proxy through the contract that Prism wrote.
//
//     main.js 127.0.0.1:8980

import assert from "node:assert/strict";
import { clone, equals } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type ErrorInfo, ErrorInfoSchema } from "./contract/google/rpc/error_info_pb.js";
import { Reason } from "./contract/prism/v1/reason_pb.js";
import { UserProfileSchema } from "./contract/shop/v1/user_profile_pb.js";
import { UserProfileRecordSchema, UserProfileService } from "./contract/shop/v1/user_profile_prism_pb.js";

// errorInfo returns what an error of Prism says for programs: act on it, never
// on the text.
function errorInfo(error: ConnectError): ErrorInfo | undefined {
  return error.findDetails(ErrorInfoSchema).find((info) => info.domain === "prism");
}

async function main(address: string): Promise<void> {
  const transport = createGrpcTransport({ baseUrl: `http://${address}`, defaultTimeoutMs: 5000 });
  const profiles = createClient(UserProfileService, transport);

  const { version } = await profiles.putUserProfile({
    userProfile: {
      userId: "ts-ada",
      email: "ada@typescript.example",
      displayName: "Ada Lovelace",
      interests: ["engines"],
    },
  });

  const { record } = await profiles.getUserProfile({ key: { userId: "ts-ada" } });
  assert(record?.userProfile);
  assert.equal(record.version, version);
  console.log("got", record.userProfile.displayName);

  const found = await profiles.findUserProfileByEmail({ by: { email: "ada@typescript.example" } });
  assert(found.record && equals(UserProfileRecordSchema, found.record, record));
  console.log("found", found.record.userProfile?.userId, "by its email");

  // Two writers have read the same version: the second one loses, and learns
  // which version the record has now.
  const userProfile = clone(UserProfileSchema, record.userProfile);
  userProfile.interests.push("weaving");
  const swap = { userProfile, expectedVersion: version };
  const won = await profiles.compareAndSwapUserProfile(swap);
  const lost = await profiles.compareAndSwapUserProfile(swap).then(
    () => assert.fail("a swap on an old version went through"),
    (error: unknown) => ConnectError.from(error),
  );
  assert.equal(lost.code, Code.Aborted);
  const info = errorInfo(lost);
  assert.equal(info?.reason, Reason[Reason.VERSION_MISMATCH]);
  assert.equal(info.metadata.current_version, String(won.version));
  console.log("lost:", info.reason);

  // A batch is stored whole or not at all; a list is read page by page.
  await profiles.batchPutUserProfiles({
    userProfiles: [0, 1, 2, 3, 4].map((i) => ({ userId: `ts-${i}`, displayName: `Reader ${i}` })),
  });
  const ids: string[] = [];
  let pageToken = "";
  do {
    const page = await profiles.scanUserProfiles({ pageSize: 2, pageToken });
    ids.push(...page.records.map((r) => r.userProfile?.userId ?? ""));
    pageToken = page.nextPageToken;
  } while (pageToken);
  assert.deepEqual(
    ids.filter((id) => id.startsWith("ts-")),
    ["ts-0", "ts-1", "ts-2", "ts-3", "ts-4", "ts-ada"],
  );
  console.log("scanned", ids.length, "records in pages of 2");
}

await main(process.argv[2]);
