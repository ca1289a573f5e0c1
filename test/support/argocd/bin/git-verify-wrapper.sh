#!/bin/sh
# Argo CD's repo-server asks a program of this name for the GPG signature of every revision, even with GPG switched off.
# The commits of the tests have none: that is what this says, in the words of gpg.
echo 'gpg: no signature found'
