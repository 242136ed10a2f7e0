#!/usr/bin/env bash
# Tag what is being brought out and push the tag; the same version of the same commit is released once.
set -euo pipefail
tag="v$1"
head=$(git rev-parse HEAD)
there=$(git ls-remote origin "refs/tags/$tag^{}" | cut -f1)
if [ -n "$there" ]; then
  if [ "$there" != "$head" ]; then
    echo "::error::$tag is the version of $there already"
    exit 1
  fi
  echo "$tag is out already"
  exit 0
fi
git -c user.name="${GITHUB_ACTOR:-greeter}" -c user.email="${GITHUB_ACTOR:-greeter}@users.noreply.github.example" \
  tag --force --annotate "$tag" --message "$tag"
git push --quiet origin "refs/tags/$tag"
echo "pushed $tag at $head"
