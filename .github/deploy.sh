#!/bin/sh
# Puts an image into a container of a Deployment and waits until it is rolled out. If that does not come about, the
# Deployment goes back to what it was, and the exit status is 1. deploy.yaml calls it.
set -eu

if [ $# -ne 4 ]; then
	echo "usage: deploy.sh NAMESPACE DEPLOYMENT CONTAINER IMAGE@DIGEST"
	exit 2
fi
case $4 in
*@sha256:*) ;;
*)
	echo "deploy.sh: $4 has no digest: a tag may be another image tomorrow"
	exit 2
	;;
esac
namespace=$1 deployment=deployment/$2 within=${ROLLOUT_TIMEOUT:-5m}

settled() {
	kubectl -n "$namespace" rollout status "$deployment" --timeout "$within"
}

kubectl -n "$namespace" set image "$deployment" "$3=$4"
settled && exit 0

echo "deploy.sh: not rolled out within $within; going back"
kubectl -n "$namespace" get pods -o wide || true
kubectl -n "$namespace" rollout undo "$deployment"
settled || echo "deploy.sh: what was there before does not come up either: a person has to look"
exit 1
