// A function of ctx; tasks are made by another file of .agola/.
local task = import 'lib/task.libsonnet';

function(ctx) {
  local is_release = ctx.tag != '',
  local systems = if is_release then ['amd64', 'arm64'] else ['amd64'],

  runs: [
    {
      name: if is_release then 'release ' + ctx.tag else 'build',
      tasks:
        [
          task.go('test-' + arch, arch, ['go test ./...'])
          for arch in systems
        ] + [
          task.go('package', 'amd64', ['make package']) {
            depends: ['test-' + arch for arch in systems],
            when: { tag: '/^v/' },
          },
        ],
    },
  ],
}
