"""`pbxcrm doctor`: settings, database, people and the PBX, each looked at; what is wrong, and what to do."""

from pbxcrm.ami import doctor as ami_doctor
from pbxcrm.ami.doctor import Finding
from pbxcrm.app import link_config, open_database
from pbxcrm.service import people
from pbxcrm.settings import Settings
from pbxcrm.store.db import Database
from pbxcrm.store.errors import DatabaseUnusable


async def examine(settings: Settings) -> list[Finding]:
    """Every finding, good ones too, in the order a person would mend them."""
    findings = [_region(settings)]
    try:
        db = await open_database(settings)
    except DatabaseUnusable as error:
        findings.append(Finding(False, "The database cannot be used", error.message))
    else:
        try:
            findings.extend(await _people(db))
        finally:
            await db.close()
    if settings.demo:
        advice = "Set PBXCRM_AMI_HOST, PBXCRM_AMI_USERNAME and PBXCRM_AMI_SECRET_FILE: see the README."
        findings.append(Finding(True, "No PBX is configured: the demo PBX plays recorded calls", advice))
    else:
        findings.extend(await ami_doctor.check(link_config(settings)))
    return findings


def _region(settings: Settings) -> Finding:
    if settings.region:
        return Finding(True, f"Numbers without a country code are read as {settings.region}'s", "")
    advice = "Set PBXCRM_DEFAULT_REGION (PL, IR, DE …): else 600100200 and +48600100200 are two different callers."
    return Finding(False, "No home country is set", advice)


async def _people(db: Database) -> list[Finding]:
    everybody = await people.list_people(db)
    found = [Finding(True, f"The database answers and has this version's schema; {len(everybody)} people", "")]
    if not any(member.devices for member in everybody):
        advice = "Add them: pbxcrm user add alice --role agent --device PJSIP/101"
        found.append(Finding(False, "Nobody has a phone: every call would be without an owner", advice))
    if not any(member.can_log_in for member in everybody):
        advice = "Set one: pbxcrm user password NAME"
        found.append(Finding(False, "Nobody can log in: no person has a password", advice))
    return found
