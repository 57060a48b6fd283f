"""Calls the shop's proxy through the contract that Prism wrote.

    main.py 127.0.0.1:8980
"""

import sys

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from prism.v1.reason_pb2 import Reason
from shop.v1 import user_profile_pb2, user_profile_prism_pb2 as pb, user_profile_prism_pb2_grpc


def error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo:
    """Returns what an error of Prism says for programs: act on it, never on the text."""
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        if detail.Unpack(info) and info.domain == "prism":
            return info
    return error_details_pb2.ErrorInfo()


def main(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        profiles = user_profile_prism_pb2_grpc.UserProfileServiceStub(channel)

        ada = user_profile_pb2.UserProfile(
            user_id="py-ada",
            email="ada@python.example",
            display_name="Ada Lovelace",
            interests=["engines"],
        )
        put = profiles.PutUserProfile(pb.PutUserProfileRequest(user_profile=ada), timeout=5)

        key = pb.UserProfileKey(user_id=ada.user_id)
        got = profiles.GetUserProfile(pb.GetUserProfileRequest(key=key), timeout=5)
        assert got.record.user_profile == ada and got.record.version == put.version
        print("got", got.record.user_profile.display_name)

        found = profiles.FindUserProfileByEmail(
            pb.FindUserProfileByEmailRequest(by={"email": ada.email}), timeout=5
        )
        assert found.record == got.record
        print("found", found.record.user_profile.user_id, "by its email")

        # Two writers have read the same version: the second one loses, and
        # learns which version the record has now.
        ada.interests.append("weaving")
        swap = pb.CompareAndSwapUserProfileRequest(user_profile=ada, expected_version=put.version)
        won = profiles.CompareAndSwapUserProfile(swap, timeout=5)
        try:
            profiles.CompareAndSwapUserProfile(swap, timeout=5)
        except grpc.RpcError as error:
            info = error_info(error)
            assert error.code() == grpc.StatusCode.ABORTED
            assert info.reason == Reason.Name(Reason.VERSION_MISMATCH)
            assert info.metadata["current_version"] == str(won.version)
            print("lost:", info.reason)
        else:
            raise AssertionError("a swap on an old version went through")

        # A batch is stored whole or not at all; a list is read page by page.
        batch = pb.BatchPutUserProfilesRequest()
        for i in range(5):
            batch.user_profiles.add(user_id=f"py-{i}", display_name=f"Reader {i}")
        profiles.BatchPutUserProfiles(batch, timeout=5)

        ids = []
        scan = pb.ScanUserProfilesRequest(page_size=2)
        while True:
            page = profiles.ScanUserProfiles(scan, timeout=5)
            ids += [r.user_profile.user_id for r in page.records]
            if not page.next_page_token:
                break
            scan.page_token = page.next_page_token
        assert [i for i in ids if i.startswith("py-")] == ["py-0", "py-1", "py-2", "py-3", "py-4", "py-ada"]
        print("scanned", len(ids), "records in pages of 2")


if __name__ == "__main__":
    main(sys.argv[1])
