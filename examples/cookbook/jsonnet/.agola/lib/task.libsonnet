{
  go(name, arch, commands):: {
    name: name,
    runtime: { arch: arch, containers: [{ image: 'golang:1.25' }] },
    steps: [{ clone: {} }] + [{ run: command } for command in commands],
  },
}
