"""`deploy/systemd`: each service is an account of its own, may do little, and has its secrets from root's file."""

from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).resolve().parents[2] / "deploy" / "systemd").glob("*.service"))
BOUNDS = {
    "User": "espace-client",
    "EnvironmentFile": "/etc/espace-client.env",
    "UMask": "0027",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
}


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_service_may_do_no_more_than_it_needs(unit: Path) -> None:
    said = dict(line.split("=", 1) for line in unit.read_text(encoding="utf-8").splitlines() if "=" in line)
    assert {name: said.get(name) for name in BOUNDS} == BOUNDS
    assert "root" not in said.values()
    assert not [name for name in said if name in ("Environment", "ReadWritePaths", "AmbientCapabilities")]
