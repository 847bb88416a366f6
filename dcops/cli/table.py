"""The nouns of the command line: name -> (module, one line of help); a module is imported only when used."""

NOUNS: dict[str, tuple[str, str]] = {
    "inventory": ("dcops.cli.inventory", "What should be: sites, racks, devices, networks, applications."),
    "records": ("dcops.cli.records", "What was done: signed journals, verified, exported."),
    "lab": ("dcops.cli.lab", "The twin: every site of a lab inventory as real machines on this one."),
    "provision": ("dcops.cli.provision", "Servers, set up and checked through Ansible."),
    "net": ("dcops.cli.net", "Network devices: back up, compare, plan, apply, move a service address."),
    "backup": ("dcops.cli.backup", "Back up applications with restic, and prove the copies."),
    "drill": ("dcops.cli.drill", "Recovery drills: rehearse a loss, measure the recovery, keep the evidence."),
    "kit": ("dcops.cli.kit", "The recovery kit: all that a bare machine needs, its key split among people."),
    "registry": ("dcops.cli.registry", "Applications hosted here and the links upstream (PDN, JIP, SPLP)."),
    "api": ("dcops.cli.api", "Serve the registry and its status over HTTP."),
}
