#!/usr/bin/env node
import '@gantry/cli/bin/gantry.js';
